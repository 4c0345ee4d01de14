// Package directory is what there is in a namespace, as rules, previews and the controllers look it up in the cache: the
// indexes by which records and subjects are found, what of a subject goes into a run, what the ScimEndpoints of a
// namespace allow together, and the memory of what rules have computed and then looked up.
package directory
