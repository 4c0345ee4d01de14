// Package scim is the SCIM 2.0 protocol (RFC 7643, RFC 7644 and RFC 9865)
// without HTTP and without storage: the attribute table, reading and writing of
// resources, filters, sorting, PATCH, projection, paging, bulk requests and errors.
//
// All errors that a client is to see are of type *Error. Everything that the
// package exports is safe for concurrent use as long as nobody changes a
// Resource that another goroutine reads.
package scim
