// dynalite 4 throws, and so ends, if a client dies in the middle of a request (index.js, `req.on('error')`).
process.on('uncaughtException', (error) => {
  if (error.code !== 'ECONNRESET') {
    console.error(error)
    process.exit(1)
  }
})
