-- The latest image of every row, over every image there is: what a full scan costs.
SELECT count(*) AS rows, sum(on_hand) AS units
FROM (
  SELECT max_by(on_hand, version) AS on_hand, max_by(deleted, version) AS deleted
  FROM ice.${namespace}.inventory
  WHERE store_id > 0 AND sku_id < 9000001
  GROUP BY store_id, sku_id
)
WHERE NOT deleted;
