# The OpenWrt packages, without the OpenWrt SDK: porticod linked statically with musl, and the files of openwrt/.
# What the SDK builds is said in openwrt/portico/Makefile. Same input, same bytes.
.PHONY: ipk package setup-package

ARCH ?= x86_64

ipk: build/ipk/portico_$(ARCH).stamp build/ipk/luci-app-portico.stamp ## OpenWrt packages into build/ipk, ARCH=x86_64 (aarch64_cortex-a53, aarch64_generic, arm_cortex-a7_neon-vfpv4; mipsel_emulated, s390x_emulated)

package: setup-package ## what is in the packages, the service under busybox, installing and removing
	@$(MAKE) --no-print-directory ipk qjs ARCH=x86_64
	npx vitest run --config test/package/vitest.config.ts

setup-package:
	@tools/setup.sh npm build package

build/package.stamp: tools/packages/package.txt
	tools/setup.sh package
	@mkdir -p $(@D) && touch $@

build/musl/source.stamp: tools/musl/VERSION build/tools.stamp
	tools/quickjs/fetch.sh musl
	@touch $@

# $(1) name of the processor, $(2) its compiler
define musl
build/musl/$(1).stamp: build/musl/source.stamp tools/musl/build.sh build/package.stamp
	tools/musl/build.sh $(2) build/musl/$(1)
	@touch $$@
endef

$(eval $(call musl,x86_64,gcc))
$(eval $(call musl,aarch64,aarch64-linux-gnu-gcc))
$(eval $(call musl,arm,arm-linux-gnueabihf-gcc))
$(eval $(call musl,mipsel,mipsel-linux-gnu-gcc))
$(eval $(call musl,s390x,s390x-linux-gnu-gcc))

# Nothing unwinds a stack here, so the tables for it stay out: they would be a tenth of the program.
PACKAGED := -Os -fno-pie -no-pie -fno-asynchronous-unwind-tables -fno-unwind-tables

# The interpreter for speed: a fifth of the processor time of a request, for 75 KB of the package.
build/package/%/obj/quickjs.o: QUICKJS_FLAGS += -O2

# Without lines, which are a third of the bytecode; `porticod --bundle dist/portico.mjs` has them when they are needed.
build/package/portico.bytecode: dist/portico.mjs build/host/compile
	@mkdir -p $(@D)
	build/host/compile $< $@ bare

# $(1) name of the package's architecture, $(2) name of the processor, $(3) compiler flags for it, $(4) what to embed
packaged = $(eval $(call porticod,package/$(1),build/musl/$(2)/bin/musl-gcc,build/musl/$(2).stamp,$(PACKAGED) $(3),-static,$(or $(4),build/package/portico.bytecode)))

$(call packaged,x86_64,x86_64,-march=x86-64)
$(call packaged,aarch64_cortex-a53,aarch64,-mcpu=cortex-a53)
$(call packaged,aarch64_generic,aarch64,-mcpu=generic)
$(call packaged,arm_cortex-a7_neon-vfpv4,arm,-mcpu=cortex-a7 -mfpu=neon-vfpv4 -mfloat-abi=hard)
# For the emulator only. OpenWrt's mipsel_24kc and mips_24kc have no floating point unit, and Debian's compilers have no
# library for such processors: those packages come from the SDK.
$(call packaged,mipsel_emulated,mipsel,)
# Big-endian: bytecode made here fails there, since regular expressions in it are in this machine's byte order.
$(call packaged,s390x_emulated,s390x,-DBUNDLE_IS_SOURCE,dist/portico.mjs)

build/ipk/portico_%.stamp: build/package/%/porticod tools/ipk.mjs $(wildcard tools/ipk/*.mjs) $(shell find openwrt/portico -type f) package.json
	@mkdir -p $(@D)
	node tools/ipk.mjs portico $* build/package/$*/porticod
	@touch $@

build/ipk/luci-app-portico.stamp: tools/ipk.mjs $(wildcard tools/ipk/*.mjs) $(shell find openwrt/luci-app-portico -type f 2>/dev/null) package.json
	@mkdir -p $(@D)
	node tools/ipk.mjs luci-app-portico
	@touch $@

# Both packages for the SDK, with all that they are made of: nothing is downloaded there.
.PHONY: feed
feed: dist/portico.mjs build/quickjs/source.stamp ## build/feed, a feed for the OpenWrt SDK: portico and luci-app-portico, complete
	tools/feed.sh build/feed
