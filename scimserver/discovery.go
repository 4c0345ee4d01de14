package scimserver

import (
	"encoding/json"
	"net/http"
	"slices"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/scimserver/scim"
)

type supported struct {
	Supported bool `json:"supported"`
}

type bulkConfig struct {
	Supported      bool `json:"supported"`
	MaxOperations  int  `json:"maxOperations"`
	MaxPayloadSize int  `json:"maxPayloadSize"`
}

type filterConfig struct {
	Supported  bool `json:"supported"`
	MaxResults int  `json:"maxResults"`
}

// paginationConfig is RFC 9865 section 4. cursorTimeout is in seconds.
type paginationConfig struct {
	Cursor                  bool   `json:"cursor"`
	Index                   bool   `json:"index"`
	DefaultPaginationMethod string `json:"defaultPaginationMethod"`
	DefaultPageSize         int    `json:"defaultPageSize"`
	MaxPageSize             int    `json:"maxPageSize"`
	CursorTimeout           int    `json:"cursorTimeout"`
}

type authenticationScheme struct {
	Type        string `json:"type"`
	Name        string `json:"name"`
	Description string `json:"description"`
	SpecURI     string `json:"specUri"`
	Primary     bool   `json:"primary"`
}

// serviceProviderConfig is RFC 7643 section 5.
type serviceProviderConfig struct {
	Schemas               []string               `json:"schemas"`
	Patch                 supported              `json:"patch"`
	Bulk                  bulkConfig             `json:"bulk"`
	Filter                filterConfig           `json:"filter"`
	ChangePassword        supported              `json:"changePassword"`
	Sort                  supported              `json:"sort"`
	ETag                  supported              `json:"etag"`
	Pagination            paginationConfig       `json:"pagination"`
	AuthenticationSchemes []authenticationScheme `json:"authenticationSchemes"`
	Meta                  scim.DocumentMeta      `json:"meta"`
}

// getServiceProviderConfig tells what works, and nothing else: for the endpoint of who asks, or without a token for one that
// asks for nothing.
func (s *Server) getServiceProviderConfig(r *http.Request) (response, error) {
	if err := refuseFilter(r); err != nil {
		return response{}, err
	}
	client := callOf(r).client
	if client == nil {
		client = principalOf(&v1alpha1.ScimEndpoint{}, s.options.Bounds)
		client.authentication = nil
	}
	return documentAnswer(serviceProviderConfig{
		Schemas: []string{scim.ServiceProviderConfigURN},
		Patch:   supported{true},
		Bulk:    bulkConfig{Supported: true, MaxOperations: maxBulkOperations, MaxPayloadSize: int(min(maxBulkBody, client.maxBody))},
		Filter:  filterConfig{Supported: true, MaxResults: client.maxPage},
		Sort:    supported{true},
		ETag:    supported{true},
		Pagination: paginationConfig{
			Cursor: true, Index: true, DefaultPaginationMethod: "index",
			DefaultPageSize: min(scim.DefaultCount, client.maxPage), MaxPageSize: client.maxPage, CursorTimeout: int(cursorTimeout.Seconds()),
		},
		AuthenticationSchemes: authenticationSchemes(client),
		Meta:                  scim.DocumentMeta{ResourceType: "ServiceProviderConfig", Location: baseURL(r) + "/ServiceProviderConfig"},
	})
}

// authenticationSchemes are the ways in which clients of an endpoint may authenticate, or of nobody's endpoint all that there are.
func authenticationSchemes(client *principal) []authenticationScheme {
	schemes := []authenticationScheme{{
		Type: "oauthbearertoken", Name: "Bearer token",
		Description: "The token of a ScimEndpoint, in the Authorization header.",
		SpecURI:     "https://www.rfc-editor.org/info/rfc6750", Primary: true,
	}}
	takes := client.authentication
	if takes == nil || len(takes.Clients) > 0 {
		schemes = append(schemes, authenticationScheme{
			Type: "oauth2", Name: "OAuth client credentials",
			Description: "An access token of the token endpoint, which a client gets by a secret or by an assertion (RFC 7523).",
			SpecURI:     "https://www.rfc-editor.org/info/rfc6749",
		})
	}
	if takes == nil || slices.ContainsFunc(takes.JWT, func(j v1alpha1.JWTAuthenticator) bool { return j.Scope != "" }) {
		schemes = append(schemes, authenticationScheme{
			Type: "oauthbearertoken", Name: "Token of a trusted issuer",
			Description: "A JWT of an issuer that the ScimEndpoint trusts, in the Authorization header.",
			SpecURI:     "https://www.rfc-editor.org/info/rfc7519",
		})
	}
	return schemes
}

func listSchemas(r *http.Request) (response, error) {
	return documentList(r, scim.SchemaDocuments(baseURL(r)))
}

func getSchema(r *http.Request) (response, error) {
	document, ok := scim.FindSchemaDocument(r.PathValue("id"), baseURL(r))
	if err := refuseFilter(r); err != nil {
		return response{}, err
	}
	if !ok {
		return response{}, scim.NewError(http.StatusNotFound, "there is no schema with this URN; GET /Schemas lists them")
	}
	return documentAnswer(document)
}

func listResourceTypes(r *http.Request) (response, error) {
	return documentList(r, scim.ResourceTypeDocuments(baseURL(r)))
}

func getResourceType(r *http.Request) (response, error) {
	document, ok := scim.FindResourceTypeDocument(r.PathValue("id"), baseURL(r))
	if err := refuseFilter(r); err != nil {
		return response{}, err
	}
	if !ok {
		return response{}, scim.NewError(http.StatusNotFound, "there is no resource type with this name; GET /ResourceTypes lists them")
	}
	return documentAnswer(document)
}

// refuseFilter ignores all parameters but a filter, which RFC 7644 section 4 wants refused.
func refuseFilter(r *http.Request) error {
	q, err := parseQuery(r)
	if err == nil && q.has("filter") {
		err = scim.NewError(http.StatusForbidden, "what the service provider says of itself cannot be filtered")
	}
	return err
}

func documentList[D any](r *http.Request, documents []D) (response, error) {
	if err := refuseFilter(r); err != nil {
		return response{}, err
	}
	body, err := scim.EncodeDocuments(documents)
	return response{status: http.StatusOK, body: body}, err
}

func documentAnswer(document any) (response, error) {
	body, err := json.Marshal(document)
	return response{status: http.StatusOK, body: body}, err
}

// notImplemented answers what SCIM defines and this server does not have.
func notImplemented(what string) handler {
	return func(*http.Request) (response, error) {
		return response{}, scim.NewError(http.StatusNotImplemented, "%s is not implemented; see /ServiceProviderConfig", what)
	}
}

func noSuchPath(*http.Request) (response, error) {
	return response{}, scim.NewError(http.StatusNotFound,
		"there is nothing at this address; the base URL ends with /scim/v2, followed by /Users or /Groups")
}
