package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// kind is a kind of costly request that the server allows.
type kind struct {
	name string
	// send renders the nth request; nil is none.
	send func(a *attacker, n int64) (method, path, body string)
}

const (
	bulkOperations = 1000
	groupMembers   = 2000
	patchTerms     = 1000
	ownValues      = 100
)

// kinds are what one token can ask for at most, within the limits of the server.
var kinds = []kind{
	{"bulk", func(_ *attacker, n int64) (method, path, body string) {
		operations := make([]string, bulkOperations)
		for i := range operations {
			operations[i] = fmt.Sprintf(`{"method":"POST","path":"/Users","bulkId":"b%d","data":{"userName":"b%d-%d@hostile.example"}}`, i, n, i)
		}
		return http.MethodPost, "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + strings.Join(operations, ",") + `]}`
	}},
	{"scan", func(_ *attacker, n int64) (method, path, body string) {
		filter := url.QueryEscape(fmt.Sprintf(`title co "%d" or nickName co "a" or not (displayName pr) or name.familyName ew "z"`, n))
		return http.MethodGet, "/Users?count=1000&sortBy=displayName&filter=" + filter, ""
	}},
	{"large user", func(_ *attacker, n int64) (method, path, body string) {
		// Two values each, so that it is decoded before it is refused.
		values := strings.TrimSuffix(strings.Repeat(`{"value":"xxxxxxxxxxxx"},`, 24_000), ",")
		return http.MethodPost, "/Users", fmt.Sprintf(`{"userName":"l%d@hostile.example","urn:example:wide":{"values":[%s]}}`, n, values)
	}},
	{"patch", func(a *attacker, n int64) (method, path, body string) {
		operations := make([]string, patchTerms)
		for i := range operations {
			operations[i] = fmt.Sprintf(`{"op":"replace","path":"emails[value eq \"e%d@hostile.example\"].display","value":"%d"}`, (i+int(n))%ownValues, n)
		}
		return http.MethodPatch, "/Users/" + a.user, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(operations, ",") + `]}`
	}},
	{"group", func(a *attacker, n int64) (method, path, body string) {
		members := a.members
		if n%2 == 0 {
			members = nil
		}
		return http.MethodPut, "/Groups/" + a.group, groupBody(a.groupName, members)
	}},
	{"new users", func(_ *attacker, n int64) (method, path, body string) {
		return http.MethodPost, "/Users", fmt.Sprintf(`{"userName":"n%d@hostile.example","displayName":"N %d"}`, n, n)
	}},
}

func groupBody(name string, members []string) string {
	list := make([]string, len(members))
	for i, id := range members {
		list[i] = `{"value":"` + id + `"}`
	}
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[%s]}`, name, strings.Join(list, ","))
}

// attacker has the token of one tenant, and sends what it may as often as it can.
type attacker struct {
	connection
	clients                int
	user, group, groupName string
	members                []string
	serial, sent, done     atomic.Int64
}

// prepare makes what the requests are about.
func (a *attacker) prepare(ctx context.Context) error {
	emails := make([]string, ownValues)
	for i := range emails {
		emails[i] = fmt.Sprintf(`{"value":"e%d@hostile.example"}`, i)
	}
	var err error
	if a.user, err = a.make(ctx, "/Users", `{"userName":"`+unique("many")+`","emails":[`+strings.Join(emails, ",")+`]}`); err != nil {
		return err
	}
	for range groupMembers {
		id, err := a.make(ctx, "/Users", `{"userName":"`+unique("member")+`"}`)
		if err != nil {
			return err
		}
		a.members = append(a.members, id)
	}
	a.groupName = unique("hostile")
	a.group, err = a.make(ctx, "/Groups", groupBody(a.groupName, nil))
	return err
}

// resource is what matters of an answer.
type resource struct {
	ID string `json:"id"`
}

// make creates a resource and returns its id.
func (a *attacker) make(ctx context.Context, path, body string) (string, error) {
	for {
		status, answer, err := a.do(ctx, http.MethodPost, path, body)
		switch {
		case err != nil:
			return "", err
		case status == http.StatusTooManyRequests:
			if err := pause(ctx); err != nil {
				return "", err
			}
			continue
		case status != http.StatusCreated:
			return "", fmt.Errorf("POST %s: %d %s", path, status, answer)
		}
		var made resource
		err = json.Unmarshal(answer, &made)
		return made.ID, err
	}
}

// run sends requests of a kind until the context ends.
func (a *attacker) run(ctx context.Context, k kind) error {
	if k.send == nil {
		return nil
	}
	var group errgroup.Group
	for range a.clients {
		group.Go(func() error {
			for ctx.Err() == nil {
				method, path, body := k.send(a, a.serial.Add(1))
				status, _, err := a.do(ctx, method, path, body)
				if err != nil && ctx.Err() == nil {
					return err
				}
				a.sent.Add(1)
				if err == nil && status < http.StatusBadRequest {
					a.done.Add(1)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (c connection) do(ctx context.Context, method, path, body string) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, c.BaseURL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, nil, fmt.Errorf("make a request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	request.Header.Set("Content-Type", "application/scim+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("send: %w", err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}
