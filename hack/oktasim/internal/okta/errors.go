package okta

import (
	"errors"
	"net"
)

// neverSent says whether an attempt failed while connecting, so that the server cannot have seen the request.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
