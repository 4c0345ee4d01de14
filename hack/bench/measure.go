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
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Everyone","members":[` + strings.Join(values, ",") + `]}`
	fmt.Printf("| Group of %d members | time |\n|---|---|\n", len(members))
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
	fmt.Printf("| POST | %s |\n", took.Round(time.Millisecond))
	path := "/Groups/" + created.ID
	addition := fmt.Sprintf(`{"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, w.ids[len(w.ids)-1])
	for _, step := range []struct {
		name   string
		status int
		bytes  []byte
		times  int
	}{
		{"GET (median of 20)", http.StatusOK, request(http.MethodGet, path, ""), 20},
		{"PATCH add one", http.StatusNoContent, request(http.MethodPatch, path+"?excludedAttributes=members", addition), 1},
		{"PUT of the same members, taking one out", http.StatusOK, request(http.MethodPut, path, body), 1},
		{"PUT that changes nothing", http.StatusOK, request(http.MethodPut, path, body), 1},
		{"DELETE", http.StatusNoContent, request(http.MethodDelete, path, ""), 1},
	} {
		var times []time.Duration
		for range step.times {
			took, err := timed(c, step.status, step.bytes)
			if err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
			times = append(times, took)
		}
		slices.Sort(times)
		fmt.Printf("| %s | %s |\n", step.name, times[len(times)/2].Round(time.Millisecond))
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
