"""The script desk: a catalogue of product facts, drafts out of them, scripts whose every line names its source."""
