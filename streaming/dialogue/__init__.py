"""What a live host hears and says: comments, the guard, product facts, the composer, the language model.

Pure rules over values: no Django, no database, no clock of its own. docs/live-speech.md tells the whole.
"""
