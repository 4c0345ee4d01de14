package main

import (
	"fmt"
	"io"
	"strings"
)

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

// onPage are the rows that config/numbers.md has, in its order, and what services that take SCIM, too, say of themselves there.
// Those are limits of what a client may send, not measurements of what a server could do; the document has the sources.
var onPage = []struct{ row, others string }{
	{usersMapped, "at most 3 POSTs a second to Slack, 5 requests to Deel, 6.7 POSTs to Miro, 6.9 operations to Peakon, 8.3 requests to Eptura"},
	{row: ofBareClients},
	{largestGroup, "at most 8,000 in a PATCH to Miro"},
	{row: etcdUser},
	{row: apiLiveUser},
	{row: operatorLive},
}

// page writes these rows, of one build.
func page(to io.Writer, t *table) {
	fmt.Fprint(to, "\n| What | here | what others let clients send |\n|---|---|---|\n")
	for _, p := range onPage {
		for _, r := range t.rows {
			if r.name == p.row {
				fmt.Fprintf(to, "| %s | %s | %s |\n", strings.ToUpper(r.name[:1])+r.name[1:], r.text, p.others)
			}
		}
	}
}
