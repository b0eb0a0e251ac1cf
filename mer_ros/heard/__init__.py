"""Words as a robot hears them: text spoken by synthetic voices, recognised, and how wrong it is then. A tool."""
