package scimserver

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// crowdStore has one group of many members and counts how often they are looked up.
type crowdStore struct {
	resourceStore
	members int
	changed bool
	lookUps int
}

func (s *crowdStore) group() scim.Resource {
	res := scim.Resource{"displayName": "Crowd"}
	scim.Stamp(scim.Group, res, someID, "", scim.Meta{Version: `W/"7"`})
	return res
}

func (s *crowdStore) Update(context.Context, string, *scim.ResourceType, string, string, store.Change) (store.Updated, error) {
	return store.Updated{Resource: s.group(), Members: s.members, Changed: s.changed, WithMembers: s.withMembers}, nil
}

func (s *crowdStore) withMembers(context.Context) (scim.Resource, error) {
	s.lookUps++
	res := s.group()
	res["members"] = []any{map[string]any{"value": someID}}
	return res, nil
}

func (s *crowdStore) Delete(context.Context, string, *scim.ResourceType, string, string) error {
	return nil
}

func TestAnswerToAPatchOfAGroup(t *testing.T) {
	const limit = maxMembersAfterPatch
	for name, test := range map[string]struct {
		members       int
		query         string
		want, lookUps int
	}{
		"a group with as many as fit":              {limit, "", 200, 1},
		"a group with one more":                    {limit + 1, "", 204, 0},
		"one with many, asked for":                 {limit + 1, "?attributes=members", 200, 1},
		"one with many, of which the name is":      {limit + 1, "?attributes=displayName", 200, 0},
		"an empty list of attributes":              {limit + 1, "?attributes=", 204, 0},
		"members are not wanted":                   {1, "?excludedAttributes=members", 204, 0},
		"members are not wanted, by the full name": {1, "?excludedAttributes=" + scim.GroupURN + ":members", 204, 0},
		"members are not wanted, in another case":  {1, "?ExcludedAttributes=externalId,MEMBERS", 204, 0},
		"their display is not wanted":              {1, "?excludedAttributes=members.display", 200, 1},
		"their display is not wanted, of many":     {limit + 1, "?excludedAttributes=members.display", 204, 0},
		"something else is not wanted":             {1, "?excludedAttributes=externalId", 200, 1},
		"a body without members is asked for":      {1, "?excludedAttributes=members&attributes=displayName", 200, 0},
	} {
		t.Run(name, func(t *testing.T) {
			crowd := &crowdStore{members: test.members, changed: true}
			s := newServer(crowd, onlyGood{}, Options{Logger: (&logBuffer{}).logger()})
			w := serve(s, request(http.MethodPatch, "/scim/v2/Groups/"+someID+test.query, `{"Operations":[]}`))
			if w.Code != test.want || w.Header().Get("ETag") != `W/"7"` || (w.Body.Len() == 0) != (test.want == 204) {
				t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
			}
			if crowd.lookUps != test.lookUps {
				t.Errorf("the members were looked up %d times, not %d", crowd.lookUps, test.lookUps)
			}
		})
	}
}

func TestBulkMakesNoAnswersThatNobodySees(t *testing.T) {
	for _, test := range []struct {
		members int
		want    string
	}{{maxMembersAfterPatch, "200"}, {maxMembersAfterPatch + 1, "204"}} {
		crowd := &crowdStore{members: test.members, changed: true}
		s := newServer(crowd, onlyGood{}, Options{Logger: (&logBuffer{}).logger()})
		w := serve(s, request(http.MethodPost, "/scim/v2/Bulk", fmt.Sprintf(`{"Operations":[
			{"method":"PATCH","path":"/Groups/%[1]s","data":{"Operations":[]}},
			{"method":"PUT","path":"/Groups/%[1]s","data":{"displayName":"Crowd"}}]}`, someID)))
		for _, want := range []string{
			`"method":"PATCH","version":"W/\"7\"","location":"http://example.com/scim/v2/Groups/` + someID + `","status":"` + test.want + `"`,
			`"method":"PUT","version":"W/\"7\"","location":"http://example.com/scim/v2/Groups/` + someID + `","status":"200"`,
		} {
			if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%d members: %d %s lacks %s", test.members, w.Code, w.Body, want)
			}
		}
		if crowd.lookUps != 0 {
			t.Errorf("%d members: they were looked up", test.members)
		}
	}
}
