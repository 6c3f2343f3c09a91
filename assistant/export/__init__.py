"""Files that leave the assistant: masks as NIfTI or DICOM SEG, answers as JSON."""
