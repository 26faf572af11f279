"""Figures of what ``train`` and ``evaluate`` wrote into a MuData: one picture per file, drawn by matplotlib."""
