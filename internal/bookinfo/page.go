package bookinfo

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
)

//go:embed page/*.html
var pageFiles embed.FS

// fullStars is the best rating.
const fullStars = 5

type pages struct{ templates *template.Template }

func parsePages() (*pages, error) {
	t, err := template.New("").Funcs(template.FuncMap{"stars": stars}).ParseFS(pageFiles, "page/*.html")
	if err != nil {
		return nil, fmt.Errorf("bookinfo productpage: %w", err)
	}
	return &pages{t}, nil
}

// stars draws a rating as five stars.
func stars(n int) string {
	n = min(max(n, 0), fullStars)
	return strings.Repeat("★", n) + strings.Repeat("☆", fullStars-n)
}

// pageData fills productpage.html. Details or Reviews is nil when its service gave no usable answer.
type pageData struct {
	Title, Summary, User string
	Details              *bookDetails
	NoDetails            string
	Reviews              *bookReviews
	NoReviews            string
}

// page serves GET /productpage. It is 200 also with a service missing, as it still shows the rest. The query
// parameter u (normal or test) of the two links on the index page changes nothing; who is logged in does.
func (p *productpage) page(w http.ResponseWriter, r *http.Request) {
	data := pageData{
		Title: bookTitle, Summary: bookSummary, User: currentUser(r),
		NoDetails: noDetails, NoReviews: noReviews,
	}
	var calls sync.WaitGroup
	calls.Go(func() { data.Details = decoded[bookDetails](p.details(r, bookID)) })
	calls.Go(func() { data.Reviews = decoded[bookReviews](p.reviews(r, bookID)) })
	calls.Wait()
	p.pages.render(w, "productpage.html", data)
}

func (p *pages) index(w http.ResponseWriter, _ *http.Request) { p.render(w, "index.html", nil) }

func (p *pages) render(w http.ResponseWriter, name string, data any) {
	var page bytes.Buffer
	if err := p.templates.ExecuteTemplate(&page, name, data); err != nil {
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(page.Bytes()) // the client has gone: nobody to tell
}

// decoded returns the answer of a call as a T, or nil when the call failed or answered something else.
func decoded[T any](status int, body any) *T {
	raw, ok := body.(json.RawMessage)
	if status != http.StatusOK || !ok {
		return nil
	}
	var v T
	if json.Unmarshal(raw, &v) != nil {
		return nil
	}
	return &v
}
