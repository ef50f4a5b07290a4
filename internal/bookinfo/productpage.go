package bookinfo

import (
	"embed"
	"encoding/json"
	"net/http"
	"net/url"
)

//go:embed static
var static embed.FS

// product is an entry of GET /api/v1/products.
type product struct {
	ID              int    `json:"id"`
	Title           string `json:"title"`
	DescriptionHTML string `json:"descriptionHtml"`
}

// book is the one product there is. Its number in every path is 0.
const (
	bookID      = "0"
	bookTitle   = "The Comedy of Errors"
	bookSummary = "Two brothers and their two servants, each pair as alike as mirror images, were parted by a " +
		"shipwreck. Years later all four walk the same streets of Ephesus without knowing of each other, and wives, " +
		"goldsmiths and creditors take one for the other until nobody is sure who he is. Shakespeare's shortest play, " +
		"and one of his earliest and merriest."
)

// What the page and the API say when a service gives no usable answer; the reason stays in the log.
const (
	noDetails = "Sorry, product details are currently unavailable for this book."
	noReviews = "Sorry, product reviews are currently unavailable for this book."
	noRatings = "Sorry, product ratings are currently unavailable for this book."
)

// reviewAttempts is how often productpage tries to get reviews. The application's own retry, next to a timeout
// shorter than that of reviews, is what the fault-injection task demonstrates.
const reviewAttempts = 2

type productpage struct {
	Options
	calls   caller
	results *results
	pages   *pages
}

// newProductpage serves the page, its login and the API under /api/v1/products.
func newProductpage(o Options, calls caller) (http.Handler, error) {
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	p := &productpage{Options: o, calls: calls, results: newResults(), pages: pages}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.pages.index)
	mux.HandleFunc("GET /index.html", p.pages.index)
	mux.HandleFunc("GET /productpage", p.page)
	mux.Handle("GET /static/", http.FileServerFS(static))
	mux.HandleFunc("POST /login", login)
	mux.HandleFunc("GET /logout", logout)
	mux.HandleFunc("GET /api/v1/products", p.products)
	mux.HandleFunc("GET /api/v1/products/{id}", p.api(p.details))
	mux.HandleFunc("GET /api/v1/products/{id}/reviews", p.api(p.reviews))
	mux.HandleFunc("GET /api/v1/products/{id}/ratings", p.api(p.ratings))
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("Product page is healthy\n"))
	})
	mux.HandleFunc("GET /metrics", p.results.serve)
	return mux, nil
}

// lookup gets one thing about a book: a status and the JSON for it, which is a failure unless the status is 200.
type lookup func(r *http.Request, id string) (int, any)

func (p *productpage) api(get lookup) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, body := get(r, url.PathEscape(r.PathValue("id")))
		writeJSON(w, status, body)
	}
}

func (p *productpage) products(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, []product{{ID: 0, Title: bookTitle, DescriptionHTML: bookSummary}})
}

func (p *productpage) details(r *http.Request, id string) (int, any) {
	return p.call(r, Details, p.Upstreams.Details+"/details/"+id, 1, noDetails)
}

func (p *productpage) reviews(r *http.Request, id string) (int, any) {
	return p.call(r, Reviews, p.Upstreams.Reviews+"/reviews/"+id, reviewAttempts, noReviews)
}

func (p *productpage) ratings(r *http.Request, id string) (int, any) {
	return p.call(r, Ratings, p.Upstreams.Ratings+"/ratings/"+id, 1, noRatings)
}

func (p *productpage) call(r *http.Request, service, url string, attempts int, sorry string) (int, any) {
	header := forward(r.Header)
	if user := currentUser(r); user != "" {
		header.Set(userHeader, user)
	}
	var status int
	var body json.RawMessage
	for range attempts {
		if status, body = p.calls.get(r.Context(), url, header, p.CallTimeout); status == http.StatusOK {
			p.results.count(service, status)
			return status, body
		}
	}
	p.results.count(service, status)
	return status, failure{sorry}
}
