// Package issuer is an issuer of tokens for tests: real HTTPS with a CA of its own, real keys of every algorithm, and all
// that can go wrong with it.
package issuer

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // for the algorithms
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Issuer is a running issuer.
type Issuer struct {
	// URL is the issuer's, without a slash at the end.
	URL string
	// CA is its certificate, as PEM.
	CA string

	server *httptest.Server
	// Fetches counts how often the key set was asked for.
	Fetches atomic.Int64

	mu   sync.Mutex
	keys map[string]*Key
	mode http.HandlerFunc
	name string
	// endpoints are addresses that the configuration names, and routes what answers there.
	endpoints map[string]string
	routes    map[string]http.HandlerFunc
}

// Key signs tokens.
type Key struct {
	ID, Algorithm string
	private       crypto.Signer
	public        map[string]any
}

// Cleaner is what a test is told to do at its end.
type Cleaner interface{ Cleanup(func()) }

// New starts an issuer with a key of each of these algorithms, named as that; with none, of RS256.
func New(t Cleaner, algorithms ...string) *Issuer {
	i := &Issuer{keys: map[string]*Key{}, endpoints: map[string]string{}, routes: map[string]http.HandlerFunc{}}
	i.server = httptest.NewUnstartedServer(http.HandlerFunc(i.serve))
	i.server.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust the certificate are part of tests
	i.server.StartTLS()
	t.Cleanup(i.server.Close)
	i.URL = i.server.URL
	i.CA = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw}))
	if len(algorithms) == 0 {
		algorithms = []string{"RS256"}
	}
	for _, algorithm := range algorithms {
		i.Add(NewKey(algorithm, algorithm))
	}
	return i
}

// NewKey makes a key that no issuer has.
func NewKey(id, algorithm string) *Key {
	k := &Key{ID: id, Algorithm: algorithm}
	switch algorithm[:2] {
	case "RS", "PS":
		private := must(rsa.GenerateKey(rand.Reader, 2048))
		k.private = private
		k.public = map[string]any{"kty": "RSA", "n": encode(private.N.Bytes()), "e": encode(big.NewInt(int64(private.E)).Bytes())}
	default:
		curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}[algorithm]
		private := must(ecdsa.GenerateKey(curve, rand.Reader))
		k.private = private
		point := must(private.PublicKey.Bytes())
		size := (len(point) - 1) / 2
		k.public = map[string]any{"kty": "EC", "crv": curve.Params().Name, "x": encode(point[1 : 1+size]), "y": encode(point[1+size:])}
	}
	k.public["kid"], k.public["use"], k.public["alg"] = id, "sig", algorithm
	return k
}

// Key returns a key by its id.
func (i *Issuer) Key(id string) *Key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[id]
}

// Add publishes a key.
func (i *Issuer) Add(k *Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[k.ID] = k
}

// Remove takes a key back.
func (i *Issuer) Remove(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.keys, id)
}

// Serve answers all requests with this; nil: as an issuer does.
func (i *Issuer) Serve(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.mode = answer
}

// Name makes the issuer call itself something else than its URL.
func (i *Issuer) Name(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.name = name
}

// Endpoint makes the issuer's configuration name a path of its own, such as token_endpoint, where answer answers.
func (i *Issuer) Endpoint(name, path string, answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.endpoints[name], i.routes[path] = i.URL+path, answer
}

// Away is for Serve: the issuer does not work.
func Away(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }

// Endless is for Serve: an object that does not end.
func Endless(w http.ResponseWriter, r *http.Request) {
	_, err := io.WriteString(w, `{"issuer":"`)
	chunk := bytes.Repeat([]byte("a"), 64<<10)
	for err == nil && r.Context().Err() == nil {
		_, err = w.Write(chunk)
	}
}

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	mode := i.mode
	name := i.URL
	if i.name != "" {
		name = i.name
	}
	keys := make([]map[string]any, 0, len(i.keys))
	for _, k := range i.keys {
		keys = append(keys, k.public)
	}
	configuration := map[string]any{"issuer": name, "jwks_uri": i.URL + "/keys"}
	for endpoint, address := range i.endpoints {
		configuration[endpoint] = address
	}
	route := i.routes[r.URL.Path]
	i.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/keys") {
		i.Fetches.Add(1)
	}
	if mode != nil {
		mode(w, r)
		return
	}
	if route != nil {
		route(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var answer any
	switch {
	case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
		answer = configuration
	case r.URL.Path == "/keys":
		answer = map[string]any{"keys": keys}
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = w.Write(must(json.Marshal(answer))) // unless the client has gone
}

// Claims are those of a good token: from this issuer, for the audience, valid for an hour.
func (i *Issuer) Claims(audience, subject string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": i.URL, "aud": audience, "sub": subject, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// Token signs claims with the key that is named so.
func (i *Issuer) Token(id string, claims map[string]any) string { return i.Key(id).Sign(claims) }

// Sign makes a token.
func (k *Key) Sign(claims map[string]any) string {
	return k.SignWith(map[string]any{"alg": k.Algorithm, "kid": k.ID, "typ": "JWT"}, claims)
}

// SignWith makes a token with a header of one's own; the signature is by the key's algorithm.
func (k *Key) SignWith(header, claims map[string]any) string {
	signed := encode(must(json.Marshal(header))) + "." + encode(must(json.Marshal(claims)))
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[k.Algorithm[2:]]
	digest := hash.New()
	digest.Write([]byte(signed))
	sum := digest.Sum(nil)
	var signature []byte
	switch private := k.private.(type) {
	case *rsa.PrivateKey:
		if strings.HasPrefix(k.Algorithm, "PS") {
			signature = must(rsa.SignPSS(rand.Reader, private, hash, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
		} else {
			signature = must(rsa.SignPKCS1v15(rand.Reader, private, hash, sum))
		}
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, private, sum)
		if err != nil {
			panic(err)
		}
		size := (private.Curve.Params().BitSize + 7) / 8
		signature = make([]byte, 2*size)
		r.FillBytes(signature[:size])
		s.FillBytes(signature[size:])
	}
	return signed + "." + encode(signature)
}

// HMAC makes a token of algorithm HS256 whose secret is the public key, as PEM.
func (k *Key) HMAC(claims map[string]any) string {
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(k.private.Public()))})
	signed := encode(must(json.Marshal(map[string]any{"alg": "HS256", "kid": k.ID}))) + "." + encode(must(json.Marshal(claims)))
	mac := hmac.New(sha256.New, public)
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

// Unsigned makes a token of algorithm none.
func Unsigned(claims map[string]any) string {
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(must(json.Marshal(claims))) + "."
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func must[T any](value T, err error) T {
	if err != nil {
		panic(fmt.Sprintf("make a token: %v", err))
	}
	return value
}
