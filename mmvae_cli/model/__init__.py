"""The maths: objectives as tables of terms, one engine that evaluates them, and the networks. torch only."""
