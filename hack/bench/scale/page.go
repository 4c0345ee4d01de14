package main

import (
	"fmt"
	"io"
	"strings"
)

// published is what services that take SCIM, too, say about themselves, by rows of the table. They are limits of what a client
// may send, not measurements of what a server could do; config/numbers.md has the sources.
var published = map[string]string{
	usersMapped:   "at most 3 POSTs a second to Slack, 5 requests to Deel, 6.7 POSTs to Miro, 6.9 operations to Peakon, 8.3 requests to Eptura",
	largestGroup:  "at most 8,000 in a PATCH to Miro",
	etcdUser:      "",
	apiLiveUser:   "",
	operatorLive:  "",
	ofBareClients: "",
}

// Rows of the table that are on the page, too.
const (
	usersMapped   = "users a second, first POST until last Person"
	largestGroup  = "largest group, members"
	etcdUser      = "etcd, a user: all kinds and claims"
	apiLiveUser   = "API server, live heap a user" + beyondEmpty
	operatorLive  = "operator (leader), live heap a user" + beyondEmpty
	ofBareClients = "end to end, of the bare client's"
	beyondEmpty   = ", beyond that without users"
)

// page writes the rows that config/numbers.md has, of one build, next to what others publish.
func page(to io.Writer, t *table) {
	fmt.Fprint(to, "\n| What | here | what others let clients send |\n|---|---|---|\n")
	for _, r := range t.rows {
		if others, ok := published[r.name]; ok {
			fmt.Fprintf(to, "| %s | %s | %s |\n", strings.ToUpper(r.name[:1])+r.name[1:], r.text, others)
		}
	}
}
