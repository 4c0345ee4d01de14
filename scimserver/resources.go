package scimserver

import (
	"context"
	"net/http"
	"strings"

	"rservice.dev/scim-operator/scimserver/scim"
	"rservice.dev/scim-operator/scimserver/store"
)

// resourceStore is what the handlers need of package store.
type resourceStore interface {
	Create(ctx context.Context, tenant string, rt *scim.ResourceType, r scim.Resource) (scim.Resource, error)
	Get(ctx context.Context, tenant string, rt *scim.ResourceType, id string, admit store.Gate) (scim.Resource, error)
	List(ctx context.Context, tenant string, rt *scim.ResourceType, q store.Query) (store.Page, error)
	Update(ctx context.Context, tenant string, rt *scim.ResourceType, id, ifMatch string, change store.Change) (store.Updated, error)
	Delete(ctx context.Context, tenant string, rt *scim.ResourceType, id, ifMatch string) error
	Synced() bool
}

// resources serves one resource type (RFC 7644 sections 3.3 to 3.6).
type resources struct {
	rt     *scim.ResourceType
	store  resourceStore
	shares *shares
}

func tenantOf(r *http.Request) string { return callOf(r).client.tenant }

func (h *resources) create(r *http.Request) (response, error) {
	projection, err := h.projection(r)
	if err != nil {
		return response{}, err
	}
	body, err := readBody(r)
	if err != nil {
		return response{}, err
	}
	wanted, err := decodeInTurn(h.shares, r, body, func() (scim.Resource, error) { return scim.DecodeResource(h.rt, body) })
	if err != nil {
		return response{}, err
	}
	created, err := h.store.Create(r.Context(), tenantOf(r), h.rt, wanted)
	if err != nil {
		return response{}, err
	}
	return h.answer(r, http.StatusCreated, created, len(wanted.Values("members")), projection)
}

// get waits until the tenant's share has room for a group's members, which it has until the answer is written.
func (h *resources) get(r *http.Request) (answer response, err error) {
	projection, err := h.projection(r)
	if err != nil {
		return response{}, err
	}
	var release func() // what the answer holds
	defer func() {
		if answer.release == nil && release != nil { // an error, or a panic
			release()
		}
	}()
	var admit store.Gate
	ctx, members := r.Context(), 0
	if h.withMembers(projection) {
		admit = func(most int) error {
			members = most
			size := answerSize(members)
			if size <= maxSmallBody {
				return nil
			}
			held, err := h.shares.memory(ctx, tenantOf(r), size)
			if err == nil {
				release = held
			}
			return err
		}
	}
	res, err := h.store.Get(ctx, tenantOf(r), h.rt, r.PathValue("id"), admit)
	if err != nil {
		return response{}, err
	}
	// The version of a user does not tell of its groups, which are in other resources.
	told := h.rt != scim.User || !projection.Includes("groups")
	if version := versionOf(res); told && scim.MatchesVersion(strings.Join(r.Header.Values("If-None-Match"), ","), version) {
		return response{status: http.StatusNotModified, etag: version}, nil
	}
	answer, err = h.answer(r, http.StatusOK, res, members, projection)
	if err == nil {
		answer.release = release
	}
	return answer, err
}

// answerSize is how much memory a group's members take as long as an answer with them is written.
func answerSize(members int) int64 {
	if members > maxWholeMembers {
		return int64(members) * store.StreamedMemberSize
	}
	return int64(members) * listedMemberSize
}

func (h *resources) replace(r *http.Request) (response, error) {
	projection, err := h.projection(r)
	if err != nil {
		return response{}, err
	}
	body, err := readBody(r)
	if err != nil {
		return response{}, err
	}
	wanted, err := decodeInTurn(h.shares, r, body, func() (*scim.Replacement, error) { return scim.DecodeReplacement(h.rt, body) })
	if err != nil {
		return response{}, err
	}
	updated, err := h.update(r, wanted)
	if err != nil {
		return response{}, err
	}
	return h.answerUpdated(r, updated, projection)
}

// patch answers with the resource, but for groups whose members nobody has asked for.
func (h *resources) patch(r *http.Request) (response, error) {
	q, err := parseQuery(r)
	if err != nil {
		return response{}, err
	}
	projection, err := q.projection(h.rt)
	if err != nil {
		return response{}, err
	}
	body, err := readBody(r)
	if err != nil {
		return response{}, err
	}
	patch, err := decodeInTurn(h.shares, r, body, func() (*scim.Patch, error) { return scim.ParsePatch(h.rt, body) })
	if err != nil {
		return response{}, err
	}
	tenant := tenantOf(r)
	patch.Profile, patch.BaseURL = callOf(r).client.profile, baseURL(r)
	patch.Turn = func(ctx context.Context) (func(), error) { return h.shares.turn(ctx, tenant) }
	updated, err := h.update(r, patch)
	if err != nil {
		return response{}, err
	}
	if !q.has("attributes") && h.withoutBody(projection, updated.Members) {
		return response{
			status: http.StatusNoContent, etag: versionOf(updated.Resource), resourceID: updated.Resource.ID(), unchanged: !updated.Changed,
		}, nil
	}
	return h.answerUpdated(r, updated, projection)
}

// withoutBody reports whether a PATCH that asks for no attributes is answered without the resource: a group with so
// many members that reading them would cost more than the change, or one whose client does not want its members.
func (h *resources) withoutBody(projection *scim.Projection, members int) bool {
	return h.rt == scim.Group && (members > maxMembersAfterPatch || !h.withMembers(projection))
}

func (h *resources) update(r *http.Request, change store.Change) (store.Updated, error) {
	return h.store.Update(r.Context(), tenantOf(r), h.rt, r.PathValue("id"), ifMatch(r), change)
}

func (h *resources) answerUpdated(r *http.Request, updated store.Updated, projection *scim.Projection) (response, error) {
	res := updated.Resource
	if updated.WithMembers != nil && h.withMembers(projection) && !callOf(r).bulk {
		var err error
		// What is done must be answered, whatever the tenant has of its share.
		if res, err = updated.WithMembers(r.Context()); err != nil {
			return response{}, err
		}
	}
	answer, err := h.answer(r, http.StatusOK, res, updated.Members, projection)
	answer.unchanged = !updated.Changed
	return answer, err
}

func (h *resources) remove(r *http.Request) (response, error) {
	if err := h.store.Delete(r.Context(), tenantOf(r), h.rt, r.PathValue("id"), ifMatch(r)); err != nil {
		return response{}, err
	}
	return response{status: http.StatusNoContent}, nil
}

// answer makes the answer that has the resource, which has so many members at most. Nobody sees that of an operation of a bulk
// request, so none is made there.
func (h *resources) answer(r *http.Request, status int, res scim.Resource, members int, projection *scim.Projection) (response, error) {
	if callOf(r).bulk {
		return response{status: status, etag: versionOf(res), resourceID: res.ID()}, nil
	}
	base := baseURL(r)
	scim.Link(base, h.rt, res)
	answer := response{status: status, location: scim.Location(base, h.rt, res.ID()), etag: versionOf(res), resourceID: res.ID()}
	chosen := projection.Apply(res)
	if members > maxWholeMembers {
		answer.stream = func(w *answerWriter) error { return scim.EncodeTo(w, h.rt, chosen) }
		if r.Method == http.MethodHead {
			answer.stream = func(*answerWriter) error { return nil }
		}
		return answer, nil
	}
	var err error
	answer.body, err = scim.Encode(h.rt, chosen)
	return answer, err
}

func (h *resources) projection(r *http.Request) (*scim.Projection, error) {
	q, err := parseQuery(r)
	if err != nil {
		return nil, err
	}
	return q.projection(h.rt)
}

func (h *resources) withMembers(projection *scim.Projection) bool {
	return h.rt == scim.Group && projection.Includes("members")
}

func ifMatch(r *http.Request) string { return strings.Join(r.Header.Values("If-Match"), ", ") }
