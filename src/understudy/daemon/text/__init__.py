"""crsctl's text: tables, blocks and progress lines, made from values. Called by the verbs; decides nothing."""
