package trust

import "time"

// Outage is an issuer whose keys could not be fetched when that was tried last.
type Outage struct {
	// Element is the index in jwt.
	Element int
	// Issuer is its URL.
	Issuer string
	// Fetched is when its keys came last, zero if they never did. Those are used while the issuer is away, but not for
	// ever: Until is when they are no longer.
	Fetched, Until time.Time
	// Message says what is wrong, and Remedy what to do about it. Neither has what the issuer answered.
	Message, Remedy string
}
