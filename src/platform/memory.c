/*
 * Memory for the engine. QuickJS asks for very many small blocks and gives most of them back within the same request;
 * a general malloc spends a quarter of a request's time on that. Blocks up to 512 bytes come from chunks of one size
 * each, in one range of address space that is reserved at the start, so a pointer tells which chunk it lies in. What is
 * larger, or finds no place, comes from malloc. One thread.
 */
#include "memory.h"

#include <stddef.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GRAIN 16 /* block sizes are multiples of it */
#define LARGEST 512
#define CLASSES (LARGEST / GRAIN + 1)
#define CHUNK ((size_t)16384)
#define RANGE ((size_t)(sizeof(void *) == 8 ? 1024 : 128) << 20)

typedef struct Chunk {
  void *given_back; /* blocks that were used and are free again, each holding the next */
  struct Chunk *next, *previous; /* among those of the same size that have room */
  uint32_t size, used, fresh, end; /* fresh: where the part begins that no block was taken from yet */
} Chunk;

#define FIRST ((sizeof(Chunk) + GRAIN - 1) / GRAIN * GRAIN)

static uint8_t *range, *untouched, *range_end;
static Chunk *with_room[CLASSES];
static Chunk *empty; /* chunks without a block, linked by `next` */
static unsigned kept; /* so many of them still have their pages; the others gave them to the kernel */
#define MOST_KEPT 16

static void link_chunk(Chunk *chunk) {
  Chunk **head = &with_room[chunk->size / GRAIN];
  chunk->previous = NULL;
  chunk->next = *head;
  if (*head) (*head)->previous = chunk;
  *head = chunk;
}

static void unlink_chunk(Chunk *chunk) {
  if (chunk->next) chunk->next->previous = chunk->previous;
  if (chunk->previous) chunk->previous->next = chunk->next;
  else with_room[chunk->size / GRAIN] = chunk->next;
}

static Chunk *new_chunk(uint32_t size) {
  Chunk *chunk = empty;
  if (chunk) empty = chunk->next, kept -= kept > 0;
  else if (range_end - untouched >= (ptrdiff_t)CHUNK) chunk = (Chunk *)untouched, untouched += CHUNK;
  else return NULL;
  *chunk = (Chunk){.size = size, .fresh = FIRST, .end = (uint32_t)(FIRST + (CHUNK - FIRST) / size * size)};
  link_chunk(chunk);
  return chunk;
}

static int is_ours(const void *block) { return (size_t)((const uint8_t *)block - range) < RANGE && range; }

static Chunk *chunk_of(const void *block) { return (Chunk *)((uintptr_t)block & ~(uintptr_t)(CHUNK - 1)); }

static void *take(size_t size) {
  if (size > LARGEST) return malloc(size);
  uint32_t rounded = (uint32_t)((size + GRAIN - 1) / GRAIN * GRAIN);
  Chunk *chunk = with_room[rounded / GRAIN];
  if (!chunk && !(chunk = new_chunk(rounded))) return malloc(size);
  void *block = chunk->given_back;
  if (block) chunk->given_back = *(void **)block;
  else block = (uint8_t *)chunk + chunk->fresh, chunk->fresh += chunk->size;
  chunk->used++;
  if (!chunk->given_back && chunk->fresh == chunk->end) unlink_chunk(chunk);
  return block;
}

static void give(void *block) {
  if (!is_ours(block)) {
    free(block);
    return;
  }
  Chunk *chunk = chunk_of(block);
  if (!chunk->given_back && chunk->fresh == chunk->end) link_chunk(chunk);
  *(void **)block = chunk->given_back;
  chunk->given_back = block;
  /* The last one of its size stays: a block that comes and goes must not take a chunk with it each time. */
  if (--chunk->used > 0 || (!chunk->next && !chunk->previous)) return;
  unlink_chunk(chunk);
  if (kept < MOST_KEPT) kept++;
  else madvise((uint8_t *)chunk + 4096, CHUNK - 4096, MADV_DONTNEED);
  chunk->next = empty;
  empty = chunk;
}

static size_t size_of(const void *block) {
  if (!block) return 0;
  return is_ours(block) ? chunk_of(block)->size : malloc_usable_size((void *)block);
}

/* The engine decides by `malloc_size` when to look for cycles. */

static void *js_take(JSMallocState *state, size_t size) {
  if (state->malloc_size + size > state->malloc_limit) return NULL;
  void *block = take(size);
  if (!block) return NULL;
  state->malloc_count++;
  state->malloc_size += size_of(block);
  return block;
}

static void js_give(JSMallocState *state, void *block) {
  if (!block) return;
  state->malloc_count--;
  state->malloc_size -= size_of(block);
  give(block);
}

static void *js_resize(JSMallocState *state, void *block, size_t size) {
  if (!block) return size ? js_take(state, size) : NULL;
  if (size == 0) return js_give(state, block), NULL;
  size_t before = size_of(block);
  if (state->malloc_size + size - before > state->malloc_limit) return NULL;
  void *moved;
  if (is_ours(block)) {
    if (size <= before && size + GRAIN > before) return block;
    if (!(moved = take(size))) return NULL;
    memcpy(moved, block, size < before ? size : before);
    give(block);
  } else if (!(moved = realloc(block, size))) {
    return NULL;
  }
  state->malloc_size += size_of(moved) - before;
  return moved;
}

const JSMallocFunctions *engine_memory(void) {
  static const JSMallocFunctions functions = {js_take, js_give, js_resize, size_of};
  /* Address space alone: pages come when they are written to. Without it everything comes from malloc. */
  uint8_t *start = mmap(NULL, RANGE + CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start != MAP_FAILED) {
    range = untouched = (uint8_t *)(((uintptr_t)start + CHUNK - 1) & ~(uintptr_t)(CHUNK - 1));
    range_end = range + RANGE;
  }
  return &functions;
}
