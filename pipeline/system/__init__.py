"""What the operating system has for all: files that are written safely, scratch copies, signals."""
