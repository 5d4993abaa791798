"""Pictures of events and explanations: pure functions that return plain plotly dicts, one file a view."""
