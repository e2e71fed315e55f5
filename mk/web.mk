.PHONY: web screens setup-web

setup-web:
	@tools/setup.sh npm build lab web

web: setup-web ## pages in headless Chromium: the LuCI app on a stand-in for LuCI, the daemon's own page
	@$(MAKE) --no-print-directory bundle host node
	npx vitest run --config test/web/vitest.config.ts

screens: setup-web ## the pictures of docs/guide.md, made anew
	SCREENS=1 npx vitest run --config test/web/vitest.config.ts test/web/luci-screens
