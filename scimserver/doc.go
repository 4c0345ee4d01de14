// Package scimserver is the HTTP side of SCIM 2.0 (RFC 7644): routes, middleware,
// authentication, discovery and the one place that turns errors into answers.
// Every replica serves. The protocol itself is in package scim, storage in
// package store. README.md explains how a request goes through.
package scimserver

// What the server and the store need of the API server, in every tenant's namespace:
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimusers;scimgroups;scimgrouppages,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=provisioning.rservice.dev,resources=scimendpoints,verbs=get;list;watch
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;list;create;update;delete
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch
