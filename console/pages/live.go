package pages

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/access"
)

const (
	// maxStreams bounds the pages that hear of changes at the same time. The others are as they were loaded.
	maxStreams = 64
	// streamsAtOnce is how many of them are one person's.
	streamsAtOnce = 8
	// streamLasts is when a stream ends; the browser begins another one, with the session that it has by then.
	streamLasts = 5 * time.Minute
	// streamLooks is how often a stream looks for changes.
	streamLooks = time.Second
	// streamAsks is after how many looks it asks again whether the visitor may still hear of them.
	streamAsks = int(access.ReviewsLast / streamLooks)
)

// watchable are the kinds whose changes a page can hear of, by their name in addresses.
var watchable = map[string]client.Object{
	"users": &v1alpha1.ScimUser{}, "groups": &v1alpha1.ScimGroup{}, "persons": &v1alpha1.Person{},
	"organizations": &v1alpha1.Organization{}, "sites": &v1alpha1.Site{}, "rules": &v1alpha1.AutomationRule{}, "endpoints": &v1alpha1.ScimEndpoint{},
}

// isStream reports whether a request is for a stream of changes, which lasts longer than a page.
func isStream(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, own+"events/") }

// liveAt is the address of the stream that tells of changes of these kinds.
func liveAt(namespace string, kinds ...string) string {
	return own + "events/" + namespace + "?kinds=" + strings.Join(kinds, ",")
}

// events tells a page that something of its kinds has changed, without saying what: the page asks for itself again.
func (s *server) events(w http.ResponseWriter, r *http.Request, v *visit) error {
	leave, ok := s.takeStream(v)
	if !ok {
		w.Header().Set("Retry-After", "60")
		return &Notice{Status: http.StatusServiceUnavailable, Title: "Too many pages are live", Text: "This one is as it was when it was loaded. Reload it to see what has changed."}
	}
	defer leave()
	reader, names, err := s.watched(r, v)
	if err != nil {
		return err
	}
	control := http.NewResponseController(w)
	// A server's limit of writing is meant for pages. Where it cannot be lifted the stream ends with it, and the browser begins anew.
	_ = control.SetWriteDeadline(time.Now().Add(streamLasts + time.Minute))
	w.Header().Set("Content-Type", "text/event-stream")
	seen := revisions(reader, v.Namespace, names)
	maps.Copy(seen, shownAt(r.URL.Query().Get("since"), names))
	tick := time.NewTicker(streamLooks)
	defer tick.Stop()
	end := time.NewTimer(streamLasts)
	defer end.Stop()
	send := func(line string) bool {
		_, err := fmt.Fprint(w, line)
		return err == nil && control.Flush() == nil
	}
	if !send("retry: 5000\n\n") {
		return nil
	}
	for quiet, looks := 0, 1; ; quiet, looks = quiet+1, looks+1 {
		select {
		case <-r.Context().Done():
			return nil
		case <-s.Stopping:
			return nil
		case <-end.C:
			return nil
		case <-tick.C:
		}
		if looks%streamAsks == 0 {
			if _, _, err := s.watched(r, v); err != nil {
				return nil // the browser asks again, and is told why not
			}
		}
		now := revisions(reader, v.Namespace, names)
		switch {
		case !maps.Equal(now, seen):
			seen, quiet = now, 0
			if !send("event: changed\ndata: \n\n") {
				return nil
			}
		case quiet >= 20: // so that a visitor who has gone is noticed
			if quiet = 0; !send(": still here\n\n") {
				return nil
			}
		}
	}
}

// takeStream takes a place of a stream, if there is one.
func (s *server) takeStream(v *visit) (leave func(), ok bool) {
	leaveOwn, ok := s.streamTurns.try(v.Caller.User().Username)
	if !ok {
		return nil, false
	}
	select {
	case s.streams <- struct{}{}:
		return func() {
			<-s.streams
			leaveOwn()
		}, true
	default:
		leaveOwn()
		return nil, false
	}
}

// watched is what a stream looks at, if the caller may list it.
func (s *server) watched(r *http.Request, v *visit) (client.Reader, []string, error) {
	names := strings.Split(r.URL.Query().Get("kinds"), ",")
	kinds := make([]client.Object, len(names))
	for i, name := range names {
		if kinds[i] = watchable[name]; kinds[i] == nil || slices.Contains(kinds[:i], kinds[i]) {
			return nil, nil, &Notice{Status: http.StatusNotFound, Title: "There is no such stream", Text: "Reload the page."}
		}
	}
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return nil, nil, err
	}
	reader, err = access.Unguarded(r.Context(), reader, kinds...)
	return reader, names, err
}

// revisions are the states of these kinds.
func revisions(reader client.Reader, namespace string, names []string) map[string]string {
	all := make(map[string]string, len(names))
	for _, name := range names {
		all[name] = kube.Revision(reader, namespace, watchable[name])
	}
	return all
}

// begin notes the states of all kinds before the page is read. The page's stream begins there, so that it misses nothing that changes
// until it is open, nor between its end and the next one.
func (v *visit) begin(r *http.Request) {
	reader, err := v.Caller.Reader(r.Context(), v.Namespace)
	if err != nil {
		return // which the page says, that reads by the same reader
	}
	held, err := access.Unguarded(r.Context(), reader)
	if err != nil {
		return
	}
	var all []string
	for name, revision := range revisions(held, v.Namespace, slices.Sorted(maps.Keys(watchable))) {
		if revision != "" {
			all = append(all, name+"."+revision)
		}
	}
	slices.Sort(all)
	v.since = strings.Join(all, ",")
}

// shownAt are those of these kinds whose states a page has noted.
func shownAt(since string, names []string) map[string]string {
	shown := map[string]string{}
	for one := range strings.SplitSeq(since, ",") {
		if name, revision, ok := strings.Cut(one, "."); ok && slices.Contains(names, name) {
			shown[name] = revision
		}
	}
	return shown
}
