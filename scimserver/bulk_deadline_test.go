package scimserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/scimserver/scim"
)

// slowStore lets the time of the request run out in the second write.
type slowStore struct {
	resourceStore
	calls   []string
	running bool
}

func (s *slowStore) Create(ctx context.Context, _ string, _ *scim.ResourceType, r scim.Resource) (scim.Resource, error) {
	s.calls = append(s.calls, fmt.Sprint("create ", r["displayName"]))
	if len(s.calls) == 2 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	res := scim.Resource{"displayName": r["displayName"]}
	scim.Stamp(scim.Group, res, someID, "", scim.Meta{Version: `W/"1"`})
	return res, nil
}

func (s *slowStore) Delete(ctx context.Context, _ string, _ *scim.ResourceType, id, _ string) error {
	s.calls = append(s.calls, "delete "+id)
	s.running = ctx.Err() == nil
	return nil
}

func TestBulkStopsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowStore{}
		logs := &logBuffer{}
		s := newServer(slow, onlyGood{}, Options{Logger: logs.logger()})
		member := func(id string) string { return `"members":[{"value":"bulkId:` + id + `"}]` }
		r := request("POST", "/scim/v2/Bulk", `{"Operations":[
		{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"A",`+member("b")+`}},
		{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"B",`+member("a")+`}},
		{"method":"POST","path":"/Groups","bulkId":"c","data":{"displayName":"C"}}]}`)
		client, err := onlyGood{}.authenticate(t.Context(), goodToken)
		if err != nil {
			t.Fatal(err)
		}
		// After a second the time for beginning is over.
		ctx, cancel := context.WithTimeout(t.Context(), bulkReserve+time.Second)
		defer cancel()
		answer, err := s.newBulk().post(r.WithContext(withCall(ctx, &call{requestID: "req-1", basePath: "/scim/v2", client: client})))
		if err != nil || answer.status != http.StatusOK {
			t.Fatalf("got %d %s, %v", answer.status, answer.body, err)
		}
		if diff := cmp.Diff([]string{"create A", "create B", "delete " + someID}, slow.calls); diff != "" {
			t.Errorf("the circle is not undone, or something else was begun (-want +got):\n%s", diff)
		}
		if !slow.running {
			t.Error("there was no time left for undoing")
		}
		var message struct {
			Operations []struct {
				Status string `json:"status"`
			} `json:"Operations"`
		}
		if err := json.Unmarshal(answer.body, &message); err != nil {
			t.Fatal(err)
		}
		var statuses []string
		for _, operation := range message.Operations {
			statuses = append(statuses, operation.Status)
		}
		if diff := cmp.Diff([]string{"409", "503", "503"}, statuses); diff != "" {
			t.Errorf("(-want +got):\n%s\n%s", diff, answer.body)
		}
		if failures := logs.lines("A request failed"); len(failures) != 1 || failures[0]["requestID"] != "req-1" {
			t.Errorf("the failure is not in the log once: %s", logs)
		}
	})
}

func TestBulkUndoesACircleAlthoughTheRateIsUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowStore{}
		s := newServer(slow, onlyGood{}, Options{Logger: (&logBuffer{}).logger()})
		b := s.newBulk()
		// As at one request an hour: there is no second turn before the time is over.
		turns := 2
		b.throttle = func(ctx context.Context, _ *http.Request) error {
			if turns--; turns >= 0 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		}
		client, err := onlyGood{}.authenticate(t.Context(), goodToken)
		if err != nil {
			t.Fatal(err)
		}
		member := func(id string) string { return `"members":[{"value":"bulkId:` + id + `"}]` }
		r := request("POST", "/scim/v2/Bulk", `{"Operations":[
		{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"A",`+member("b")+`}},
		{"method":"POST","path":"/Groups","bulkId":"b","data":{"displayName":"B",`+member("a")+`}}]}`)
		ctx, cancel := context.WithTimeout(t.Context(), bulkReserve+100*time.Millisecond)
		defer cancel()
		if _, err := b.post(r.WithContext(withCall(ctx, &call{requestID: "req-1", basePath: "/scim/v2", client: client}))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"create A", "create B", "delete " + someID}, slow.calls); diff != "" || !slow.running {
			t.Errorf("the circle is not undone in time (-want +got):\n%s", diff)
		}
	})
}
