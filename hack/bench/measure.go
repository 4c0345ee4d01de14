package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// kind is a kind of request: make renders one for a random user.
type kind struct {
	name string
	make func(w *world, r *rand.Rand) []byte
}

var requests = []kind{
	{"GET by id", func(w *world, r *rand.Rand) []byte {
		return request(http.MethodGet, "/Users/"+w.ids[r.IntN(len(w.ids))], "")
	}},
	{"the same, token of an issuer", func(w *world, r *rand.Rand) []byte {
		return requestBy(w.signed, http.MethodGet, "/Users/"+w.ids[r.IntN(len(w.ids))], "")
	}},
	{"userName eq", func(w *world, r *rand.Rand) []byte {
		filter := url.QueryEscape(fmt.Sprintf("userName eq %q", userName(1+r.Int64N(w.serial.Load()))))
		return request(http.MethodGet, "/Users?startIndex=1&count=100&filter="+filter, "")
	}},
	{"first 100", func(*world, *rand.Rand) []byte {
		return request(http.MethodGet, "/Users?startIndex=1&count=100", "")
	}},
	{"random 100", func(w *world, r *rand.Rand) []byte {
		return request(http.MethodGet, "/Users?count=100&startIndex="+strconv.Itoa(1+r.IntN(len(w.ids)-100)), "")
	}},
	{"sorted 100", func(*world, *rand.Rand) []byte {
		return request(http.MethodGet, "/Users?startIndex=1&count=100&sortBy=userName", "")
	}},
	{"PATCH active", func(w *world, r *rand.Rand) []byte {
		body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":%t}}]}`, r.IntN(2) == 0)
		return request(http.MethodPatch, "/Users/"+w.ids[r.IntN(len(w.ids))], body)
	}},
}

// throughput sends requests of a kind from all clients for the set time.
func (w *world) throughput(ctx context.Context, o options, k kind) (measured, error) {
	done := atomic.Int64{}
	before := usageNow()
	end := before.at.Add(o.duration)
	group, ctx := errgroup.WithContext(ctx)
	for i := range o.clients {
		group.Go(func() error {
			c, err := dial(w.server.Address())
			if err != nil {
				return err
			}
			defer c.close()
			random := rand.New(rand.NewPCG(uint64(i), 1)) //nolint:gosec // which users are read is no secret
			for time.Now().Before(end) && ctx.Err() == nil {
				status, err := c.do(k.make(w, random))
				if err != nil {
					return err
				}
				if status != http.StatusOK {
					return fmt.Errorf("answered %d: %s", status, c.body)
				}
				done.Add(1)
			}
			return ctx.Err()
		})
	}
	err := group.Wait()
	return before.until(done.Load()), err
}

// measureGroup pushes a group of 10,000 members, or of all users when there are
// fewer, and changes it.
func (w *world) measureGroup(ctx context.Context) error {
	c, err := dial(w.server.Address())
	if err != nil {
		return err
	}
	defer c.close()
	members := w.ids[:min(len(w.ids)-1, 10_000)]
	var values []string
	for _, id := range members {
		values = append(values, fmt.Sprintf(`{"value":%q}`, id))
	}
	of := func(members []string) string {
		return `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Everyone","members":[` + strings.Join(members, ",") + `]}`
	}
	body := of(values)
	fmt.Printf("\n| Group of %d members, one request | median | CPU | allocations | allocated |\n|---|---|---|---|---|\n", len(members))
	before := usageNow()
	took, err := timed(c, http.StatusCreated, request(http.MethodPost, "/Groups", body))
	if err != nil {
		return err
	}
	var created struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(c.body, &created); err != nil {
		return fmt.Errorf("read the group: %w", err)
	}
	fmt.Printf("| POST | %s | %s |\n", took.Round(time.Millisecond), before.until(1).costs())
	path := "/Groups/" + created.ID
	patch := func(op string) []byte {
		return request(http.MethodPatch, path+"?excludedAttributes=members",
			fmt.Sprintf(`{"Operations":[{"op":%q,"path":"members","value":[{"value":%q}]}]}`, op, w.ids[len(w.ids)-1]))
	}
	put := request(http.MethodPut, path, body)
	for _, step := range []struct {
		name   string
		status int
		// bytes are the requests that are sent in turns.
		bytes [][]byte
		times int
	}{
		{"GET", http.StatusOK, [][]byte{request(http.MethodGet, path, "")}, 20},
		{"PATCH that adds or removes one", http.StatusNoContent, [][]byte{patch("add"), patch("remove")}, 20},
		{"PUT that takes one out or in", http.StatusOK, [][]byte{request(http.MethodPut, path, of(values[1:])), put}, 10},
		{"PUT that changes nothing", http.StatusOK, [][]byte{put}, 10},
		{"DELETE", http.StatusNoContent, [][]byte{request(http.MethodDelete, path, "")}, 1},
	} {
		var times []time.Duration
		before := usageNow()
		for i := range step.times {
			took, err := timed(c, step.status, step.bytes[i%len(step.bytes)])
			if err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
			times = append(times, took)
		}
		slices.Sort(times)
		used := before.until(int64(len(times)))
		fmt.Printf("| %s | %s | %s |\n", step.name, times[len(times)/2].Round(100*time.Microsecond), used.costs())
	}
	return ctx.Err()
}

func timed(c *connection, want int, bytes []byte) (time.Duration, error) {
	began := time.Now()
	status, err := c.do(bytes)
	if err == nil && status != want {
		err = fmt.Errorf("answered %d: %.300s", status, c.body)
	}
	return time.Since(began), err
}
