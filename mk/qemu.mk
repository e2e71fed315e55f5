# Emulated routers: qemu/README.md says what runs on them.
.PHONY: qemu qemu-ci qemu-images qemu-breaks qemu-all qemu-bench qemu-shell qemu-standin qemu-program

# Processors and kernels of the default set: the router's, the big-endian one, the usual one. The slowest first.
QEMU_DEFAULT := mipsel-6.1 s390x-6.12 x86_64-6.1
# What `make test` has time for, on the same three.
QEMU_CI := x86_64-6.1:install,traffic,upnp,firewall mipsel-6.1:install,traffic,upnp s390x-6.12:traffic,upnp,firewall
QEMU_ALL = $(shell sed -n 's/^ *"\([a-z0-9_.-]*\)": {.*/\1/p' qemu/images.json)

qemu: qemu-program ## the package on emulated routers (IMAGE=mipsel-6.1 one of them, KEEP=1 leaves a shell, OPENWRT_IMAGE=file a real one)
	node build/qemu/main.mjs run $(if $(OPENWRT_IMAGE),openwrt,$(or $(IMAGE),$(QEMU_DEFAULT)))

qemu-ci: qemu-program ## the files of the suite that `make test` runs, on three processors
	node build/qemu/main.mjs run $(QEMU_CI)

qemu-images: qemu-program ## builds what they run on, and starts none of them
	node build/qemu/main.mjs build $(QEMU_CI)

qemu-breaks: qemu-program ## one deliberate fault per file of the suite: each must be seen (FILES=traffic,crash some of them)
	node qemu/breaks.mjs $(or $(IMAGE),x86_64-6.1)

qemu-all: qemu-program ## on every processor and kernel of qemu/images.json
	node build/qemu/main.mjs run $(QEMU_ALL)

qemu-shell: qemu-program ## a prompt at an emulated router with the package on (IMAGE=x86_64-6.1)
	node build/qemu/main.mjs shell $(if $(OPENWRT_IMAGE),openwrt,$(or $(IMAGE),x86_64-6.1))

qemu-standin: qemu-program ## how a given OpenWrt image is driven, on one that only behaves like one
	@tools/setup.sh qemu-standin
	node build/qemu/main.mjs standin $(KIND)

qemu-bench: qemu-program ## Portico beside miniupnpd on an emulated router (IMAGE=x86_64-6.1), about a minute each
	BENCH=1 JOBS=1 node build/qemu/main.mjs run $(or $(IMAGE),$(QEMU_DEFAULT))

qemu-program:
	@tools/setup.sh npm build qemu
	@mkdir -p build/qemu
	@npx esbuild qemu/main.ts --bundle --platform=node --format=esm --target=node20 --outfile=build/qemu/main.mjs --log-level=warning
