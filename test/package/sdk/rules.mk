# What a feed's Makefile uses of OpenWrt's rules.mk, on this machine: enough to parse it and to carry it out, no more.
empty:=
space:=$(empty) $(empty)
INCLUDE_DIR:=$(TOPDIR)
TARGET_CC?=cc
HOSTCC?=cc
TARGET_CFLAGS:=-Os -pipe
TARGET_CPPFLAGS:=
TARGET_LDFLAGS:=
FPIC:=-fPIC
CP:=cp -fpR
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
INSTALL_DATA:=install -m0644
INSTALL_CONF:=install -m0600
