"""Reads sealed passages, unseals them under a case, and answers its questions."""
