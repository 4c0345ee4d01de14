// Package whatif says what a SCIM request would do: what the server would answer and store, and what the rules would then make of
// it. It reads a namespace and writes nothing.
package whatif
