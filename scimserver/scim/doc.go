// Package scim is the SCIM 2.0 protocol (RFC 7643 and RFC 7644) without HTTP
// and without storage: the attribute table, reading and writing of resources,
// filters, PATCH, projection, paging and errors.
//
// All errors that a client is to see are of type *Error. Everything that the
// package exports is safe for concurrent use as long as nobody changes a
// Resource that another goroutine reads.
package scim
