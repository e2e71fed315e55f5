.PHONY: web screens setup-web

setup-web:
	@tools/setup.sh npm build lab web

# LUCI=dir: a checkout of openwrt/luci; the LuCI app then runs in its client code, and not on the stand-in.
web: setup-web ## pages in headless Chromium: the LuCI app on a stand-in for LuCI, the daemon's own page (LUCI=)
	@$(MAKE) --no-print-directory bundle host node
	LUCI='$(LUCI)' npx vitest run --config test/web/vitest.config.ts

screens: setup-web ## the pictures of docs/guide.md, made anew
	SCREENS=1 npx vitest run --config test/web/vitest.config.ts test/web/luci-screens
