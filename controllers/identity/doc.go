// Package identity is what no two records of a kind may have in common, and what keeps two from getting it at once: locks
// in one process, claims between several, and names of new records that follow from it.
package identity
