/* The bundle inside porticod, as bytecode (host.c). */
	.section .rodata
	.balign 8
	.global portico_bundle
	.global portico_bundle_end
portico_bundle:
	.incbin BUNDLE
portico_bundle_end:
	.section .note.GNU-stack,"",%progbits
