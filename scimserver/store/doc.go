// Package store keeps SCIM resources in custom resources: users as ScimUser,
// groups as ScimGroup, membership on the member, and one Lease for each unique
// name.
//
// Every replica runs a Store and none of them leads: what must be exclusive is
// decided by the API server, through names that exist once and resourceVersion
// preconditions. See README.md for what happens at a crash between two writes.
package store
