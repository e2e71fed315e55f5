/* Memory for the engine: see memory.c. */
#ifndef PORTICO_MEMORY_H
#define PORTICO_MEMORY_H

#include "quickjs.h"

/* For JS_NewRuntime2, once. */
const JSMallocFunctions *engine_memory(void);

#endif
