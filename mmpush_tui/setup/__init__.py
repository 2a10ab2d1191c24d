"""The guided first-time set-up without a screen: questions, answers, proofs, the file written."""
