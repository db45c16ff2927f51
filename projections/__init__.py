"""Views: pure folds of the log's events and postings. Each file is one view; nothing here does I/O."""
