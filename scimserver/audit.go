package scimserver

import (
	"net/http"

	"rservice.dev/scim-operator/scimserver/scim"
)

// audited writes one line for every mutation that an authenticated client asks
// for, whatever becomes of it; one that the rate limit or its media type keeps
// from being looked at is in the access log only. It identifies, but tells no personal data.
func (s *Server) audited(action string, rt *scim.ResourceType, next handler) handler {
	return func(r *http.Request) (response, error) {
		answer, err := next(r)
		c := callOf(r)
		id, status, outcome := answer.resourceID, answer.status, "done"
		if id == "" {
			// Ids are made by the server; anything else that stands here could be a name.
			id = knownID(r.PathValue("id"))
		}
		switch {
		case err != nil:
			problem, _ := problemOf(c.requestID, err)
			status = problem.Status
			outcome = "refused"
			if status >= http.StatusInternalServerError {
				outcome = "failed"
			}
		case answer.unchanged:
			outcome = "unchanged"
		}
		s.log.Info("Audit", "action", action, "resourceType", rt.Name, "id", id, "outcome", outcome, "status", status,
			"requestID", c.requestID, "tokenID", c.client.tokenID, "tenant", c.client.tenant, "source", c.from())
		return answer, err
	}
}
