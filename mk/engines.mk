# The engines: QuickJS from Debian's source package, our host program for this machine and for routers' processors,
# the stock qjs with sys.so, and the unit tests on each of them. Nothing is rebuilt while its inputs stay the same.
.PHONY: host qjs node cross unit-quickjs unit-cross

host: build/host/porticod ## build/host/porticod, the QuickJS host program for this machine
qjs: build/host/qjs build/host/sys.so build/host/portico.mjs ## stock qjs with sys.so, as on OpenWrt 25.12
node: build/node/portico.node build/node/portico.mjs ## the bundle for Node, with the addon that hears what Node cannot
cross: build/mipsel/porticod build/aarch64/porticod ## porticod for routers' processors, static

QUICKJS := build/quickjs/source
QUICKJS_OBJECTS := quickjs.o dtoa.o libregexp.o libunicode.o cutils.o
SYS_OBJECTS := sys.o sys-sockets.o sys-files.o sys-constants.o

build/tools.stamp: tools/packages/build.txt
	tools/setup.sh build
	@mkdir -p $(@D) && touch $@

build/cross.stamp: tools/packages/cross.txt
	tools/setup.sh cross
	@mkdir -p $(@D) && touch $@

build/quickjs/source.stamp: tools/quickjs/VERSION tools/quickjs/fetch.sh build/tools.stamp
	tools/quickjs/fetch.sh
	@touch $@

# As upstream builds it: signed overflow wraps. Functions nobody calls are left out by the linker.
QUICKJS_FLAGS = -D_GNU_SOURCE -fwrapv -ffunction-sections -fdata-sections \
  -DCONFIG_VERSION='"$(shell cat $(QUICKJS)/VERSION)"' -Wno-array-bounds -Wno-format-truncation
SYS_FLAGS = -std=gnu11 -ffunction-sections -fdata-sections -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
  -isystem $(QUICKJS) -DQUICKJS_VERSION='"$(shell cat $(QUICKJS)/VERSION)"'

# $(1) directory in build/, $(2) compiler, $(3) what stands for "the compiler is there", $(4) compiler flags, $(5) linker flags,
# $(6) the bundle to embed, bytecode where nothing is said
define porticod
build/$(1)/obj/%.o: build/quickjs/source.stamp $(3)
	@mkdir -p $$(@D)
	$(2) $(4) $$(QUICKJS_FLAGS) -c -o $$@ $(QUICKJS)/$$*.c

build/$(1)/own/%.o: src/platform/%.c src/platform/sys.h src/platform/memory.h build/quickjs/source.stamp $(3)
	@mkdir -p $$(@D)
	$(2) $(4) $$(SYS_FLAGS) -c -o $$@ $$<

build/$(1)/own/bundle.o: src/platform/bundle.S $(or $(6),build/portico.bytecode) $(3)
	@mkdir -p $$(@D)
	$(2) -DBUNDLE='"$(or $(6),build/portico.bytecode)"' -c -o $$@ $$<

build/$(1)/porticod: $$(addprefix build/$(1)/obj/,$(QUICKJS_OBJECTS)) \
    $$(addprefix build/$(1)/own/,host.o memory.o bundle.o $(SYS_OBJECTS))
	$(2) $(4) -s -Wl,--gc-sections $(5) -o $$@.new $$^ -lm -latomic
	@mv $$@.new $$@
endef

# Static for this machine too: a megabyte less in memory, and the same program on every distribution; at a fixed address,
# which saves instructions.
$(eval $(call porticod,host,cc,build/tools.stamp,-O2 -fno-pie,-static))
$(eval $(call porticod,mipsel,mipsel-linux-gnu-gcc,build/cross.stamp,-Os,-static))
$(eval $(call porticod,aarch64,aarch64-linux-gnu-gcc,build/cross.stamp,-Os,-static))

# Bytecode for all of them: every processor here is little-endian, and all are linked with one version of QuickJS.
build/host/compile: tools/quickjs/compile.c $(addprefix build/host/obj/,$(QUICKJS_OBJECTS))
	cc -O2 -no-pie $(SYS_FLAGS) -o $@ $^ -lm -Wl,--as-needed -latomic

build/portico.bytecode: dist/portico.mjs build/host/compile
	build/host/compile $< $@

# The stock engine is built as Debian builds it, with all hardening: what it refuses on a router, it refuses here.
build/host/qjs: build/quickjs/source.stamp
	@mkdir -p $(@D) && rm -rf build/quickjs/qjs && cp -r $(QUICKJS) build/quickjs/qjs
	CFLAGS="$$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get CFLAGS) $$(dpkg-buildflags --get CPPFLAGS)" \
	LDFLAGS="$$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get LDFLAGS)" \
	$(MAKE) -C build/quickjs/qjs qjs > build/quickjs/qjs.log 2>&1 || { tail -n 30 build/quickjs/qjs.log >&2; exit 1; }
	strip -o $@ build/quickjs/qjs/qjs

build/host/sys.so: $(addprefix src/platform/,$(SYS_OBJECTS:.o=.c) sys.h) build/quickjs/source.stamp
	@mkdir -p $(@D)
	cc -O2 $(SYS_FLAGS) -shared -fPIC -fvisibility=hidden -s -o $@.new $(filter %.c,$^)
	@mv $@.new $@

# qjs looks for ./sys.so beside the bundle.
build/host/portico.mjs: dist/portico.mjs
	@mkdir -p $(@D)
	cp $< $@

# Node-API is C and stays the same: no node-gyp, no headers of a certain Node, and one file for all of them.
build/node/portico.node: src/platform/node-addon.c node_modules/.package-lock.json build/tools.stamp
	@mkdir -p $(@D)
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -isystem node_modules/node-api-headers/include -shared -fPIC \
	  -fvisibility=hidden -s -o $@.new $<
	@mv $@.new $@

# Node looks for portico.node beside the bundle.
build/node/portico.mjs: dist/portico.mjs
	@mkdir -p $(@D)
	cp $< $@

UNIT_SOURCES := $(shell find src test/unit test/vectors test/support -type f 2>/dev/null)

build/unit/unit.mjs: node_modules/.package-lock.json tools/unit-quickjs.mjs $(UNIT_SOURCES)
	node tools/unit-quickjs.mjs bundle

unit-quickjs: build/unit/unit.mjs host qjs ## unit tests on QuickJS: porticod and stock qjs
	node tools/unit-quickjs.mjs run porticod qjs

unit-cross: build/unit/unit.mjs cross ## unit tests on foreign processors under qemu-user: mipsel, aarch64
	node tools/unit-quickjs.mjs run mipsel aarch64
