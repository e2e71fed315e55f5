# A double of OpenWrt's include/package.mk: PKG_BUILD_DIR is known from here on, with the variant in it; BuildPackage makes
# one target for what `make package/NAME/compile` does for the variant that is asked for, and one that prints its metadata.
PKG_BUILD_DIR:=$(BUILD_DIR)/$(if $(BUILD_VARIANT),$(PKG_NAME)-$(BUILD_VARIANT)/)$(PKG_NAME)-$(PKG_VERSION)

define BuildPackage
$(foreach each,TITLE DEPENDS CONFLICTS PROVIDES VARIANT,$(eval $(each):=))
$(eval $(Package/$(1)))
ifeq ($$(BUILD_VARIANT),$(VARIANT))
compile: compile-$(1)
compile-$(1):
	$$(call Build/Prepare)
	$$(call Build/Configure)
	$$(call Build/Compile)
	$$(call Package/$(1)/install,$$(OUT))
endif
$(1).title:=$(TITLE)
$(1).provides:=$(PROVIDES)
$(1).depends:=$(DEPENDS)
$(1).conflicts:=$(CONFLICTS)
$(1).variant:=$(VARIANT)
metadata: metadata-$(1)
metadata-$(1):
	@echo '$(1)|$$($(1).variant)|$$($(1).depends)|$$($(1).conflicts)|$$($(1).provides)|$$($(1).title)'
	@printf '%s\n' "$$$$CONFFILES_$(subst -,_,$(1))"
export CONFFILES_$(subst -,_,$(1))=$$(Package/$(1)/conffiles)
export PRERM_$(subst -,_,$(1))=$$(Package/$(1)/prerm)
prerm-$(1):
	@printf '%s\n' "$$$$PRERM_$(subst -,_,$(1))"
endef
