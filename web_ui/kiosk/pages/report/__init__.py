"""The activity report: its period, its words, the page, and files for a spreadsheet."""
