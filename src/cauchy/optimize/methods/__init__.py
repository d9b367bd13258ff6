"""How a minimum is looked for: steps as plain functions, the loop that compiles them, the interior point method."""
