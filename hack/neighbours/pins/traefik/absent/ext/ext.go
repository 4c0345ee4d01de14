// Package ext stands for the module of this name beside Traefik's, which is not to be had by itself. Traefik needs these
// types to be there; they add nothing to its configuration.
package ext

// HTTP is part of Traefik's dynamic HTTP configuration.
type HTTP struct{}

// Router is part of each router.
type Router struct{}
