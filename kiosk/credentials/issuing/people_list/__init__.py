"""Lists of people to make passes for: CSV and XLSX, with headings in English or Vietnamese."""
