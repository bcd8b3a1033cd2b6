"""Does the blur breathe, and is the picture a lens's: breathing, diagnostics, report, ranking.

"Breathing" is blur that pulses without a cause in the lens or the scene; a frame that widens with focus is another thing.
"""
