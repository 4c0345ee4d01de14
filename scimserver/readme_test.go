package scimserver

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/api/bounds"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/oauth"
	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// tableOf returns the rows of the table under a heading of README.md, each as its cells.
func tableOf(t *testing.T, heading string) [][]string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), "\n## "+heading+"\n")
	part, _, _ = strings.Cut(part, "\n## ")
	if !found {
		t.Fatalf("README.md has no heading %s", heading)
	}
	var rows [][]string
	for line := range strings.Lines(part) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 4 {
			if len(rows) > 0 {
				break
			}
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells[1:len(cells)-1])
	}
	if len(rows) < 3 {
		t.Fatalf("there is no table under %s", heading)
	}
	return rows[2:]
}

func TestTheReadmeHasTheRoutes(t *testing.T) {
	s, _ := testServer(found)
	var want []string
	for _, r := range append(s.routes(), s.openRoutes()...) {
		want = append(want, r.method+" "+r.path)
	}
	parameter, code, method := regexp.MustCompile(`\{\w+\}`), regexp.MustCompile("`([^`]+)`"), regexp.MustCompile(`[A-Z]{3,}`)
	var got []string
	for _, row := range tableOf(t, "Routes") {
		for _, address := range code.FindAllStringSubmatch(row[0], -1) {
			for _, name := range method.FindAllString(row[1], -1) {
				got = append(got, name+" "+parameter.ReplaceAllString(address[1], "{id}"))
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table of routes (-code +README):\n%s", diff)
	}
}

// Each limit of the code is in its row, in the words that the table has for numbers.
func TestTheReadmeHasTheLimits(t *testing.T) {
	mib := func(bytes int) string { return fmt.Sprintf("%d MiB", bytes>>20) }
	kib := func(bytes int) string { return fmt.Sprintf("%d KiB", bytes>>10) }
	seconds := func(d time.Duration) string { return fmt.Sprintf("%d s", int(d.Seconds())) }
	timeouts := defaultConnectionTimeouts
	defaults, _ := bounds.Default().Limits(v1alpha1.ScimEndpointLimits{})
	limits := map[string][]string{
		"body":                                    {mib(maxUserBody), "groups " + mib(maxGroupBody), "bulk " + mib(maxBulkBody) + " and " + thousands(maxBulkOperations) + " operations"},
		"what is read beyond a body's limit":      {mib(maxDiscarded)},
		"bodies above " + kib(maxSmallBody):       {mib(maxBodies) + " in all", mib(maxTenantBodies) + " of one tenant", seconds(sharePatience)},
		"what these become when they are decoded": {mib(maxMemory) + " in all", mib(maxTenantMemory) + " of one tenant"},
		"members of the groups on one page":       {thousands(maxListedMembers)},
		"answers to lists with more than":         {strconv.Itoa(store.StreamedMemberSize) + " bytes"},
		"time to read a list or a large group":    {seconds(timeouts.held), seconds(timeouts.heldMiB) + " more for each MiB", seconds(timeouts.answer)},
		"answers to a GET of a group":             {kib(maxSmallBody), strconv.Itoa(listedMemberSize) + " bytes", thousands(maxWholeMembers)},
		"bulk requests of a tenant":               {strconv.Itoa(maxTenantBulks), seconds(sharePatience)},
		"requests of a tenant that compute":       {"half of the processors", seconds(sharePatience)},
		"values in a body":                        {thousands(maxUserValues), "group " + thousands(scim.MaxJSONValues), "bulk request " + thousands(maxBulkValues)},
		"what one PATCH compares":                 {thousands(scim.MaxPatchWork)},
		"paths in `attributes`":                   {thousands(scim.MaxSelectedPaths)},
		"headers with the request line":           {kib(maxHeaderBytes)},
		"time for a request":                      {seconds(requestTimeout), "groups, lists and bulk " + seconds(groupWriteTimeout)},
		"time for headers":                        {seconds(timeouts.header) + ", " + seconds(timeouts.request) + ", " + seconds(timeouts.answer) + ", 2 min"},
		"requests a second for each token":        {strconv.Itoa(defaults.RequestsPerSecond), "bursts of " + strconv.Itoa(defaults.Burst)},
		"requests of a tenant at the same time":   {strconv.Itoa(maxTenantRequests)},
		"connections":                             {thousands(maxConnections), strconv.Itoa(maxStreams) + " requests"},
		"access tokens of one OAuth client":       {fmt.Sprintf("%d a second in bursts of %d", tokenRate.perSecond, tokenRate.burst)},
		"body of a token request":                 {kib(oauth.MaxBody)},
		"requests without a valid token":          {fmt.Sprintf("%d a second in bursts of %d", strangersRate.perSecond, strangersRate.burst)},
		"lines in the access log":                 {fmt.Sprintf("%d a second in bursts of %d", refusedLogRate.perSecond, refusedLogRate.burst)},
		"shutdown":                                {seconds(DefaultShutdownTimeout)},
	}
	rows := tableOf(t, "Limits")
	for begins, texts := range limits {
		var row string
		for _, cells := range rows {
			if strings.HasPrefix(cells[0], begins) {
				row = strings.Join(cells, " | ")
				break
			}
		}
		if row == "" {
			t.Errorf("the table has no row that begins with %q", begins)
			continue
		}
		for _, text := range texts {
			if !strings.Contains(row, text) {
				t.Errorf("the code has %q, the table %q", text, row)
			}
		}
	}
}

// thousands writes a number as the documents do.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
