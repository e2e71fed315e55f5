/* The bundle inside porticod (host.c). The NUL behind it is what JS_Eval wants behind a source. */
	.section .rodata
	.balign 8
	.global portico_bundle
	.global portico_bundle_end
portico_bundle:
	.incbin BUNDLE
portico_bundle_end:
	.byte 0
	.section .note.GNU-stack,"",%progbits
