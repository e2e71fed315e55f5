/* The bundle inside porticod (host.c), with the NUL behind it that the parser asks for. */
	.section .rodata
	.global portico_bundle
	.global portico_bundle_end
portico_bundle:
	.incbin BUNDLE
portico_bundle_end:
	.byte 0
	.section .note.GNU-stack,"",%progbits
