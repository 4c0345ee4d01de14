package scimserver

import (
	"runtime"
	"time"

	"rservice.dev/scim-operator/api/bounds"
)

// The limits of a request. README.md says why each is what it is.
const (
	// maxUserBody is in bytes, also for everything that is not a group.
	maxUserBody = 1 << 20
	// maxGroupBody lets a client send back 100,000 members as it got them, each
	// with value, display, type and $ref.
	maxGroupBody = bounds.LargestBody
	// maxBulkBody and maxBulkOperations are what ServiceProviderConfig announces.
	maxBulkBody       = 4 << 20
	maxBulkOperations = 1000
	// maxDiscarded is how much of a body is read beyond its limit, so that the client gets to hear of it.
	maxDiscarded = maxGroupBody
	// maxSmallBody is up to which size bodies, and answers with members, are not counted.
	maxSmallBody = bounds.SmallestBody
	// maxUserValues and maxBulkValues are how many values a body may have, names aside; those of groups have
	// scim.MaxJSONValues.
	maxUserValues = 50_000
	maxBulkValues = 4 * maxUserValues
	// maxBodies bounds the bodies larger than maxSmallBody that arrive, or are here, at the same time. maxTenantBodies
	// is what one tenant may have of it.
	maxBodies       = 2 * maxGroupBody
	maxTenantBodies = maxBodies / 2
	// maxMemory bounds in the same way what these become when they are decoded, and answers with members. 100,000 members
	// as a client gets them are 90 MiB.
	maxMemory       = 2 * maxTenantMemory
	maxTenantMemory = 96 << 20
	// maxListedMembers is how many members the groups of one page may have. In the answer one takes about listedMemberSize
	// bytes, in memory less.
	maxListedMembers = 1_000_000
	listedMemberSize = 256
	// maxWholeMembers is how many members a group's answer may have to be made before it is written. That of a larger one is
	// written while it is made, without a Content-Length.
	maxWholeMembers = 4096
	// maxTenantBulks is how many bulk requests of one tenant run at the same time.
	maxTenantBulks = 4
	// maxQuickList is how many resources a list may have on a page that is made without waiting for a turn.
	maxQuickList = 200
	// sharePatience is how long a request waits for room among those.
	sharePatience = 5 * time.Second
	// maxMembersAfterPatch is how many members a group may have to be the answer to its PATCH.
	maxMembersAfterPatch = 1000
	// maxTenantRequests is how many requests of one tenant are served at the same time.
	maxTenantRequests = 256
	// maxConnections is how many there are at the same time, and maxStreams how many requests at the same time one with
	// HTTP/2 may bring.
	maxConnections = 1000
	maxStreams     = 100
	// maxHeaderBytes includes the request line, and so a filter.
	maxHeaderBytes = 64 << 10

	// maxKeptList is up to how many bytes of a list's memory are kept for the next one.
	maxKeptList = 1 << 20

	// requestTimeout bounds every request but those that write groups, and lists.
	requestTimeout = 30 * time.Second
	// listTimeout is for a list, of which the client reads the beginning while its end is made.
	listTimeout = groupWriteTimeout
	// groupWriteTimeout is for a write of many members. Okta gives up after 60 s.
	groupWriteTimeout = 55 * time.Second
	// bulkTimeout is for all operations of a request, of which bulkReserve is kept for finishing
	// what has been begun.
	bulkTimeout = groupWriteTimeout
	bulkReserve = 5 * time.Second

	// retryAfter is what a client is told when the API server is away, in seconds.
	retryAfter = 5
	// DefaultShutdownTimeout lets the longest request finish.
	DefaultShutdownTimeout = groupWriteTimeout + 3*time.Second
)

// maxTenantTurns is how many requests of one tenant compute for long at the same time: on half of the processors. The
// others are left to other tenants, whose requests are short and would wait ten milliseconds for each of these that is
// ready to go on, each time that they go on themselves.
func maxTenantTurns() int64 { return max(1, int64(runtime.GOMAXPROCS(0))/2) }

// The rates of what nobody has to answer for. They go together for all that have no valid token.
var (
	// strangersRate is for requests without a valid token, discovery included.
	strangersRate = rateLimit{perSecond: 100, burst: 200}
	// refusedLogRate is for lines in the access log: of strangers, and of each tenant's requests that are 429.
	refusedLogRate = rateLimit{perSecond: 10, burst: 100}
	// tokenRate is for access tokens of one client. Each of them is good for thousands of requests.
	tokenRate = rateLimit{perSecond: 5, burst: 50}
)

// connectionTimeouts keep slow clients from holding connections.
type connectionTimeouts struct {
	// header is for the headers of a request, request for all of it with the body.
	header, request time.Duration
	// answer starts with the headers read, so it includes the work on the request
	// and the client's reading.
	answer time.Duration
	// held, and heldMiB more for each MiB, are what a client may take itself to read an answer that holds something until
	// it is written: lists, large groups.
	held, heldMiB time.Duration
	// idle is how long a connection is kept between two requests.
	idle time.Duration
}

var defaultConnectionTimeouts = connectionTimeouts{
	header: 10 * time.Second, request: 30 * time.Second, answer: groupWriteTimeout + 20*time.Second,
	idle: 2 * time.Minute, held: 10 * time.Second, heldMiB: time.Second,
}

// toRead is how long a client may take to read so many bytes of an answer that holds something.
func (t connectionTimeouts) toRead(bytes int) time.Duration {
	return t.held + time.Duration(bytes>>20)*t.heldMiB
}
